## ZMTP 3.1 as a DEALER with the NULL mechanism: bytes in, messages out. It knows no socket.
##
## Used by [code]channel.gd[/code] in the link's thread. Give it what came with [method feed], send what stands in
## [member replies], take what stands in [member messages]. A peer that breaks the rules sets [member failure]:
## close the connection then.
extends RefCounted

enum Phase { GREETING, HANDSHAKE, TRAFFIC, FAILED }

const GREETING_BYTES := 64
## The peer's greeting is compared as it comes, so that a stranger is recognised by its first bytes.
const SIGNATURE_START := 0xff
const SIGNATURE_END := 0x7f
const MAX_MESSAGE_BYTES := 16 * 1024 * 1024
## Commands are a few dozen bytes; a stranger's are not worth memory.
const MAX_COMMAND_BYTES := 4096
const MAX_PING_CONTEXT_BYTES := 16
const MORE := 1
const LONG := 2
const COMMAND := 4

## Where the conversation stands.
var phase := Phase.GREETING
## Why it broke, in words for a person; empty while it works.
var failure := ""
## Whole messages that came, oldest first. Take them all, then clear.
var messages: Array[PackedByteArray] = []
## Bytes that must be sent as they are: greeting, READY, PONG.
var replies: Array[PackedByteArray] = []
## Messages of several parts, which the protocol does not have; they are dropped.
var multipart_dropped := 0

var _buffer := PackedByteArray()
var _is_in_multipart := false


func _init() -> void:
	replies.append(greeting())


## Return the 64 bytes that open a connection.
static func greeting() -> PackedByteArray:
	var bytes := PackedByteArray()
	bytes.resize(GREETING_BYTES)
	bytes[0] = SIGNATURE_START
	bytes[9] = SIGNATURE_END
	bytes[10] = 3
	bytes[11] = 1
	var mechanism := "NULL".to_ascii_buffer()
	for index in mechanism.size():
		bytes[12 + index] = mechanism[index]
	return bytes


## Return the frame header that goes before a body of [param size] bytes.
static func header(size: int, flags: int = 0) -> PackedByteArray:
	if size < 256:
		return PackedByteArray([flags, size])
	var bytes := PackedByteArray()
	bytes.resize(9)
	bytes[0] = flags | LONG
	for index in 8:
		bytes[1 + index] = size >> (8 * (7 - index)) & 0xff
	return bytes


## Return a whole command frame.
static func command(name: String, data: PackedByteArray) -> PackedByteArray:
	var body := PackedByteArray([name.length()])
	body.append_array(name.to_ascii_buffer())
	body.append_array(data)
	var frame := header(body.size(), COMMAND)
	frame.append_array(body)
	return frame


## Take in what the peer sent.
func feed(bytes: PackedByteArray) -> void:
	if phase == Phase.FAILED:
		return
	_buffer.append_array(bytes)
	if phase == Phase.GREETING:
		_read_greeting()
	if phase == Phase.HANDSHAKE or phase == Phase.TRAFFIC:
		_read_frames()


func _read_greeting() -> void:
	if not _buffer.is_empty() and _buffer[0] != SIGNATURE_START or _buffer.size() > 9 and _buffer[9] != SIGNATURE_END:
		return _fail("it does not speak ZeroMQ's protocol")
	if _buffer.size() > 10 and _buffer[10] < 3:
		return _fail("it speaks ZMTP %d, 3 is needed" % _buffer[10])
	if _buffer.size() < GREETING_BYTES:
		return
	var mechanism := _text(_buffer.slice(12, 32))
	if mechanism != "NULL":
		return _fail("it wants the mechanism %s, this client has NULL only" % mechanism.left(20))
	_buffer = _buffer.slice(GREETING_BYTES)
	phase = Phase.HANDSHAKE
	replies.append(command("READY", _property("Socket-Type", "DEALER")))


static func _property(name: String, value: String) -> PackedByteArray:
	var bytes := PackedByteArray([name.length()])
	bytes.append_array(name.to_ascii_buffer())
	bytes.append_array(PackedByteArray([0, 0, 0, value.length()]))
	bytes.append_array(value.to_ascii_buffer())
	return bytes


func _read_frames() -> void:
	var at := 0
	while phase != Phase.FAILED and _buffer.size() - at >= 2:
		var flags := _buffer[at]
		var is_long := flags & LONG != 0
		var start := at + (9 if is_long else 2)
		if _buffer.size() < start:
			break
		var size := _long_size(at + 1) if is_long else _buffer[at + 1]
		_check(flags, size)
		if phase == Phase.FAILED or _buffer.size() - start < size:
			break
		at = start + size
		_take(flags, _buffer.slice(start, at))
	if at > 0:
		_buffer = _buffer.slice(at)


func _long_size(at: int) -> int:
	var size := 0
	for index in 8:
		size = size << 8 | _buffer[at + index]
	return size


func _check(flags: int, size: int) -> void:
	var limit := MAX_COMMAND_BYTES if flags & COMMAND else MAX_MESSAGE_BYTES
	if flags & ~(MORE | LONG | COMMAND) or flags & COMMAND and flags & MORE:
		_fail("it sent a frame with the flags 0x%02x" % flags)
	elif size < 0 or size > limit:
		_fail("it announced a frame of %s bytes, at most %d are allowed" % [String.num_uint64(size), limit])
	elif phase == Phase.HANDSHAKE and not flags & COMMAND:
		_fail("it sent a message before the handshake was over")


func _take(flags: int, body: PackedByteArray) -> void:
	if flags & COMMAND:
		_take_command(body)
	elif flags & MORE:
		_is_in_multipart = true
	elif _is_in_multipart:
		_is_in_multipart = false
		multipart_dropped += 1
	else:
		messages.append(body)


func _take_command(body: PackedByteArray) -> void:
	if body.is_empty() or body.size() < 1 + body[0]:
		return _fail("it sent a damaged command")
	var name := _text(body.slice(1, 1 + body[0]))
	var data := body.slice(1 + body[0])
	match name:
		"READY":
			_take_ready(data)
		"ERROR":
			_fail("it refused the connection: %s" % _text(data.slice(1, 201)))
		"PING":
			# ttl (2 bytes), then a context that goes back as it came.
			replies.append(command("PONG", data.slice(2, 2 + MAX_PING_CONTEXT_BYTES)))
		_:
			if phase == Phase.HANDSHAKE:
				_fail("it sent the command %s instead of READY" % name.left(32))


func _take_ready(data: PackedByteArray) -> void:
	var kind := _find_property(data, "socket-type")
	if kind != "ROUTER":
		return _fail("it is a ZeroMQ %s socket, a runtime has a ROUTER" % (kind.left(16) if kind else "unknown"))
	phase = Phase.TRAFFIC


static func _find_property(data: PackedByteArray, wanted: String) -> String:
	var at := 0
	while at < data.size():
		var value_at := at + 1 + data[at] + 4
		if value_at > data.size():
			return ""
		var name := _text(data.slice(at + 1, at + 1 + data[at]))
		var size := data[value_at - 4] << 24 | data[value_at - 3] << 16 | data[value_at - 2] << 8 | data[value_at - 1]
		if value_at + size > data.size():
			return ""
		if name.to_lower() == wanted:
			return _text(data.slice(value_at, value_at + size))
		at = value_at + size
	return ""


## Return what a stranger calls a name, up to the first zero; what is not printable becomes a question mark.
static func _text(bytes: PackedByteArray) -> String:
	var end := bytes.find(0)
	var printable := bytes.slice(0, end) if end >= 0 else bytes.duplicate()
	for index in printable.size():
		if printable[index] < 0x20 or printable[index] > 0x7e:
			printable[index] = 0x3f
	return printable.get_string_from_ascii()


func _fail(why: String) -> void:
	phase = Phase.FAILED
	failure = why
	_buffer.clear()
