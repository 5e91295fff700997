#!/usr/bin/env escript
%% Speaks with the broker from inside of its own image, which has Erlang, the client library and nothing else.
%%
%%   queue.escript declare URI QUEUE            a durable quorum queue
%%   queue.escript publish URI QUEUE N BODY     N persistent messages, confirmed
%%   queue.escript hold URI QUEUE SECONDS FILE  what a run does with its message, without the run: takes one (waits 5 s
%%                                              for it), makes FILE, holds it for so long, acknowledges it, ends
-mode(compile).

main([Command, Uri | Rest]) ->
    Roots = [os:getenv("RABBITMQ_HOME", "/opt/rabbitmq") | filelib:wildcard("/usr/lib/rabbitmq/lib/*")],
    code:add_paths([Path || Root <- Roots, Path <- filelib:wildcard(Root ++ "/plugins/*/ebin")]),
    logger:set_primary_config(level, error),
    {ok, _} = application:ensure_all_started(amqp_client),
    {ok, Parameters} = amqp_uri:parse(Uri),
    Connection = connect(Parameters, erlang:monotonic_time(second) + 60),
    {ok, Channel} = amqp_connection:open_channel(Connection),
    do(Command, Channel, Rest),
    ok = amqp_connection:close(Connection);
main(_) ->
    io:format(standard_error, "usage: queue.escript declare|publish|hold URI QUEUE ...~n", []),
    halt(2).

%% Tries for a minute, as a run does: where network policies are enforced, a new pod's address is let through only after
%% some seconds.
connect(Parameters, Until) ->
    case amqp_connection:start(Parameters) of
        {ok, Connection} ->
            Connection;
        {error, {auth_failure, _} = Reason} ->
            error(Reason);
        {error, Reason} ->
            case erlang:monotonic_time(second) < Until of
                true -> timer:sleep(1000), connect(Parameters, Until);
                false -> error(Reason)
            end
    end.

%% The tuples are the records of AMQP 0-9-1's generated framing.
do("declare", Channel, [Queue]) ->
    Arguments = [{<<"x-queue-type">>, longstr, <<"quorum">>}],
    Declare = {'queue.declare', 0, list_to_binary(Queue), false, true, false, false, false, Arguments},
    {'queue.declare_ok', _, _, _} = amqp_channel:call(Channel, Declare);
do("publish", Channel, [Queue, N, Body]) ->
    {'confirm.select_ok'} = amqp_channel:call(Channel, {'confirm.select', false}),
    Properties = {'P_basic', <<"application/json">>, undefined, undefined, 2, undefined, undefined, undefined,
                  undefined, undefined, undefined, <<"task">>, undefined, undefined, undefined},
    Message = {amqp_msg, Properties, unicode:characters_to_binary(Body)},
    Publish = {'basic.publish', 0, <<>>, list_to_binary(Queue), true, false},
    [ok = amqp_channel:call(Channel, Publish, Message) || _ <- lists:seq(1, list_to_integer(N))],
    true = amqp_channel:wait_for_confirms(Channel, 10);
do("hold", Channel, [Queue, Seconds, File]) ->
    case take(Channel, list_to_binary(Queue), 25) of
        nothing ->
            io:format("no message~n");
        Tag ->
            ok = file:write_file(File, <<>>),
            io:format("holds its message for ~s s~n", [Seconds]),
            timer:sleep(list_to_integer(Seconds) * 1000),
            ok = amqp_channel:call(Channel, {'basic.ack', Tag, false}),
            io:format("done~n")
    end.

take(_, _, 0) ->
    nothing;
take(Channel, Queue, Tries) ->
    case amqp_channel:call(Channel, {'basic.get', 0, Queue, false}) of
        {{'basic.get_ok', Tag, _, _, _, _}, _} ->
            Tag;
        {'basic.get_empty', _} ->
            timer:sleep(200),
            take(Channel, Queue, Tries - 1)
    end.
