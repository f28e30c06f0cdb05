(* Uses each function of the binding, with a collection of garbage after each. *)
open Mayfly_accel

let get = function Ok value -> Gc.compact (); value | Error { number; reason } -> failwith (Printf.sprintf "%d %s" number reason)
let expect_error wanted result = assert (match result with Error { number; _ } -> number = wanted | Ok _ -> false)

let () =
  expect_error 19 (open_device "disk");
  get (open_device "accel");
  let session = get (open_session ()) in
  assert (get (classify session (String.make 100000 'x')) = "100000 bytes");
  assert (classify session "" = Error { number = 22; reason = "no picture" });
  let model = get (send_model session (String.make 50000 'm')) in
  let tensor data_type shape data = { data_type; shape; data } in
  let inputs =
    [ tensor Float32 [| 2; 1; 3 |] (String.init 24 Char.chr); tensor Int64 [||] "12345678"; tensor Uint8 [| 0 |] "" ]
  in
  for _ = 1 to 100 do
    assert (get (run session model inputs ~room:[ 24; 100; 0 ]) = inputs)
  done;
  assert (get (run session model [] ~room:[]) = []);
  expect_error 28 (run session model inputs ~room:[ 23; 8; 0 ]);
  expect_error 22 (run session model [ tensor Uint8 (Array.make 9 1) "x" ] ~room:[ 1 ]);
  expect_error 22 (run session model (List.init 9 (fun _ -> List.hd inputs)) ~room:[]);
  get (close_model session (get (open_model session "name")));
  get (close_session session);
  print_endline "used"
