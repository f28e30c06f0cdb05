#!/usr/bin/env escript
%% Sums the numbers by name, then runs "rounds" of a small generator.
main(_) ->
    Totals = read(#{}),
    lists:foreach(fun({Name, Total}) -> io:format("~s ~b~n", [Name, Total]) end, lists:sort(maps:to_list(Totals))),
    io:format("~b~n", [generate(maps:get("rounds", Totals), 1)]).

read(Totals) ->
    case io:fread("", "~s ~d") of
        {ok, [Name, Number]} ->
            read(maps:update_with(Name, fun(Before) -> Before + Number end, Number, Totals));
        eof -> Totals
    end.

generate(0, X) -> X;
generate(Rounds, X) -> generate(Rounds - 1, (X * 1103 + 12345) rem 2147483648).
