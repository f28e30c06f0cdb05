(** Accelerated work for unikernels of MirageOS on Solo5: the client of Mayfly's accelerator host in
    mayfly/solo5_accel.h, which is compiled in beside this (docs/unikernels.md).

    A unikernel has one device. A call takes as long as the op does, and nothing else of the unikernel
    runs meanwhile. *)

type error = {
  number : int;  (** a positive errno of Linux: 19 (ENODEV) where there is no device or no host *)
  reason : string;  (** what the host said, or [""] *)
}

type session
type model

val open_device : string -> (unit, error) result
(** Finds the block device of that name in the manifest. Once, before all else. *)

val open_session : unit -> (session, error) result
val close_session : session -> (unit, error) result

val classify : session -> string -> (string, error) result
(** What a JPEG or PNG shows, as lines of text. *)

val open_model : session -> string -> (model, error) result
(** By the name that it is installed by on the host. *)

val send_model : session -> string -> (model, error) result
(** The bytes of an ONNX file. *)

val close_model : session -> model -> (unit, error) result

type data_type = Uint8 | Int8 | Int16 | Int32 | Int64 | Float16 | Float32

type tensor = {
  data_type : data_type;
  shape : int array;  (** at most 8 dimensions; none is a scalar *)
  data : string;  (** numbers in row-major order, little-endian *)
}

val run : session -> model -> tensor list -> room:int list -> (tensor list, error) result
(** Runs the model on at most 8 tensors, in its order. [room] has for each output that is wanted how many bytes
    it may have, at most 8 of them; 28 (ENOSPC) where one takes more. *)
