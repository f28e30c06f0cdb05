-- Sums the numbers by name, then runs "rounds" of a small generator.
import qualified Data.Map.Strict as Map

parse :: String -> (String, Int)
parse line = let [name, number] = words line in (name, read number)

generate :: Int -> Int -> Int
generate 0 x = x
generate rounds x = x `seq` generate (rounds - 1) ((x * 1103 + 12345) `mod` 2147483648)

main :: IO ()
main = do
  text <- getContents
  let totals = Map.fromListWith (+) (map parse (lines text))
  mapM_ (\(name, total) -> putStrLn (name ++ " " ++ show total)) (Map.toList totals)
  print (generate (totals Map.! "rounds") 1)
