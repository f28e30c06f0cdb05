(* Passes its request through pipes of a child, and tells how children end that it executes and forks. *)
let read_all channel =
  let text = Buffer.create 1024 in
  (try
     while true do
       Buffer.add_channel text channel 1
     done
   with End_of_file -> ());
  Buffer.contents text

let status = function Unix.WEXITED code -> code | Unix.WSIGNALED signal | Unix.WSTOPPED signal -> 1000 + signal

let () =
  let request = read_all stdin in
  let (from_child, to_child) = Unix.open_process "sort" in
  output_string to_child request;
  close_out to_child;
  print_string (read_all from_child);
  Printf.printf "%d\n" (status (Unix.close_process (from_child, to_child)));
  Printf.printf "%d\n%!" (status (Unix.system "exit 3"));
  match Unix.fork () with
  | 0 -> exit 7
  | child -> Printf.printf "%d\n" (status (snd (Unix.waitpid [] child)))
