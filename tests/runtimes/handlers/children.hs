-- Passes its request through pipes of a child, and tells how another one ends.
import System.Process

main :: IO ()
main = do
  request <- getContents
  readProcess "sort" [] request >>= putStr
  readProcessWithExitCode "sh" ["-c", "exit 3"] "" >>= print
