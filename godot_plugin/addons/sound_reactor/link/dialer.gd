## The way to the runtime: looks up where it is, connects, tries again ever more slowly, and says why it failed.
##
## Used by [code]conversation.gd[/code], in the link's thread. What goes over the open channel is not its business.
extends RefCounted

const Channel := preload("channel.gd")
const RuntimeAddress := preload("runtime_address.gd")
const State := preload("connection_state.gd").State

## What the last look has brought.
enum News { NONE, OPENED, CLOSED }

const FIRST_RETRY_USEC := 100_000
const LONGEST_RETRY_USEC := 2_000_000
const CONNECT_USEC := 2_000_000

var channel := Channel.new()
## Where the last attempt went, and with which token.
var address: RuntimeAddress
## After [constant News.CLOSED]: why, and what to do; empty if the peer only closed an open connection.
var failure := ""
## The state that goes with [member failure].
var failed_state := State.NOBODY_LISTENS

var _endpoint: String
var _token: String
var _is_trying := false
var _is_open := false
var _tried_usec := 0
var _retry_at_usec := 0
var _retry_usec := FIRST_RETRY_USEC


## Empty [param endpoint] or [param token] are read from the connection file at every attempt: a restarted
## runtime has a new token.
func _init(endpoint: String, token: String) -> void:
	_endpoint = endpoint
	_token = token


## Read the connection file again.
func look_up() -> void:
	address = RuntimeAddress.find(_endpoint, _token)


## Do what there is to do now; the channel has just been polled.
func follow(now_usec: int) -> News:
	if not _is_trying and not _is_open:
		return _try(now_usec) if now_usec >= _retry_at_usec else News.NONE
	match channel.phase:
		Channel.Phase.OPEN:
			var is_new := not _is_open
			_is_open = true
			return News.OPENED if is_new else News.NONE
		Channel.Phase.CLOSED:
			_explain_closed()
			hang_up(now_usec)
			return News.CLOSED
	if now_usec - _tried_usec <= CONNECT_USEC:
		return News.NONE
	_explain_slow()
	hang_up(now_usec)
	return News.CLOSED


## Leave the runtime, and try again soon.
func hang_up(now_usec: int) -> void:
	channel.close()
	_is_trying = false
	_is_open = false
	_retry_at_usec = now_usec + _retry_usec


## A session was opened: when it is lost, the next attempt comes soon.
func note_session() -> void:
	_retry_usec = FIRST_RETRY_USEC


## What to say of somebody who takes connections and says nothing that a runtime would.
func silence() -> String:
	return ("%s accepts connections but does not answer: another program may own the port, or the runtime hangs"
			% address.endpoint)


func _try(now_usec: int) -> News:
	look_up()
	_tried_usec = now_usec
	_retry_at_usec = now_usec + _retry_usec
	_retry_usec = mini(2 * _retry_usec, LONGEST_RETRY_USEC)
	if address.port == 0:
		failed_state = State.REFUSED
		failure = address.problem
		return News.CLOSED
	_is_trying = true
	channel.open(address.host, address.port)
	return News.NONE


func _explain_closed() -> void:
	failure = ""
	if not channel.was_connected:
		failed_state = State.NOBODY_LISTENS
		failure = ("nobody listens at %s: start the runtime with 'sr-runtime serve', or check the address"
				% address.endpoint)
	elif not channel.failure.is_empty():
		failed_state = State.SILENT
		failure = "%s is no SoundReactor runtime: %s" % [address.endpoint, channel.failure]
	elif not _is_open:
		failed_state = State.SILENT
		failure = ("%s hangs up at once: another program owns the port, or it is the runtime's encrypted endpoint"
				% address.endpoint)


func _explain_slow() -> void:
	if channel.was_connected:
		failed_state = State.SILENT
		failure = silence()
	else:
		failed_state = State.NOBODY_LISTENS
		failure = "%s cannot be reached: check host and port" % address.endpoint
