(* Sums the numbers by name, then runs "rounds" of a small generator. *)
module Names = Map.Make (String)

let rec read totals =
  match Scanf.scanf " %s %d" (fun name number -> (name, number)) with
  | name, number ->
      let before = Option.value (Names.find_opt name totals) ~default:0 in
      read (Names.add name (before + number) totals)
  | exception (End_of_file | Scanf.Scan_failure _) -> totals

let rec generate rounds x = if rounds = 0 then x else generate (rounds - 1) (((x * 1103) + 12345) mod 2147483648)

let () =
  let totals = read Names.empty in
  Names.iter (Printf.printf "%s %d\n") totals;
  Printf.printf "%d\n" (generate (Names.find "rounds" totals) 1)
