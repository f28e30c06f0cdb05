type error = { number : int; reason : string }
type session = int64
type model = int64
type data_type = Uint8 | Int8 | Int16 | Int32 | Int64 | Float16 | Float32
type tensor = { data_type : data_type; shape : int array; data : string }

(* All return 0 or a negative errno, and fill in what they are given for that. *)
external reason : unit -> string = "mayfly_accel_reason"
external device_open : string -> int = "mayfly_accel_device_open"
external session_open : int64 ref -> int = "mayfly_accel_session_open"
external session_close : int64 -> int = "mayfly_accel_session_close"
external classify_into : int64 -> string -> string ref -> int = "mayfly_accel_classify"
external model_open : int64 -> string -> bool -> int64 ref -> int = "mayfly_accel_model_open"
external model_close : int64 -> int64 -> int = "mayfly_accel_model_close"

external model_run : int64 -> int64 -> tensor array -> int array -> tensor array ref -> int
  = "mayfly_accel_model_run"

let answer code value =
  if code = 0 then Ok (value ()) else Error { number = -code; reason = reason () }

let nothing () = ()

(* [call] fills in a reference that begins as [first]. *)
let fill first call =
  let place = ref first in
  answer (call place) (fun () -> !place)

let open_device name = answer (device_open name) nothing
let open_session () = fill 0L session_open
let close_session session = answer (session_close session) nothing
let classify session picture = fill "" (classify_into session picture)
let open_model session name = fill 0L (model_open session name false)
let send_model session bytes = fill 0L (model_open session bytes true)
let close_model session model = answer (model_close session model) nothing

let run session model inputs ~room =
  fill [||] (model_run session model (Array.of_list inputs) (Array.of_list room))
  |> Result.map Array.to_list
