#!/usr/bin/env escript
%% Passes its request to children by ports, and tells how they end.
main(_) ->
    Lines = read([]),
    lists:foreach(fun(Line) -> io:format("~p~n", [run("/bin/echo", [Line])]) end, Lines),
    io:format("~p~n", [run("/bin/sh", ["-c", "exit 3"])]),
    io:format("~s", [os:cmd("echo apple | tr a-z A-Z")]).

read(Lines) ->
    case io:get_line("") of
        eof -> lists:reverse(Lines);
        Line -> read([string:trim(Line) | Lines])
    end.

run(Program, Words) ->
    Port = open_port({spawn_executable, Program}, [{args, Words}, exit_status, stderr_to_stdout]),
    collect(Port, []).

collect(Port, Said) ->
    receive
        {Port, {data, Data}} -> collect(Port, [Said, Data]);
        {Port, {exit_status, Status}} -> {lists:flatten(Said), Status}
    end.
