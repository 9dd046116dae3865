## msgpack, as far as the SoundReactor protocol goes: nil, bool, int, float, str, array, map.
##
## Used by [code]messages.gd[/code], on any thread. Decoding trusts nothing: lengths, depth and types are bounded
## before anything is allocated, and what is wrong is said in [member error], never raised.
extends RefCounted

const MAX_BYTES := 16384
const MAX_STRING_BYTES := 1024
const MAX_ITEMS := 64
const MAX_DEPTH := 8

## What was wrong with the bytes; empty if nothing.
var error := ""

var _bytes: PackedByteArray
var _at := 0


## Return [param value] as msgpack: the shortest form of every int, 64 bits for every float.
static func encode(value: Variant) -> PackedByteArray:
	var out := StreamPeerBuffer.new()
	out.big_endian = true
	_write(out, value)
	return out.data_array


## Return the one value in [param bytes] from [param start] on, or null with [member error] set.
func decode(bytes: PackedByteArray, start: int = 0) -> Variant:
	_bytes = bytes
	_at = start
	error = ""
	if bytes.size() - start > MAX_BYTES:
		return _fail("%d bytes, at most %d are allowed" % [bytes.size() - start, MAX_BYTES])
	var value: Variant = _read(0)
	if error.is_empty() and _at != bytes.size():
		return _fail("%d bytes are left over" % (bytes.size() - _at))
	return value if error.is_empty() else null


static func _write(out: StreamPeerBuffer, value: Variant) -> void:
	match typeof(value):
		TYPE_NIL:
			out.put_u8(0xc0)
		TYPE_BOOL:
			out.put_u8(0xc3 if value else 0xc2)
		TYPE_INT:
			var number: int = value
			_write_int(out, number)
		TYPE_FLOAT:
			out.put_u8(0xcb)
			out.put_double(value)
		TYPE_STRING, TYPE_STRING_NAME:
			var text: String = value
			_write_string(out, text)
		TYPE_ARRAY:
			var items: Array = value
			_write_length(out, items.size(), 0x90, 16, 0xdc)
			for item: Variant in items:
				_write(out, item)
		TYPE_DICTIONARY:
			var map: Dictionary = value
			_write_length(out, map.size(), 0x80, 16, 0xde)
			for key: Variant in map:
				_write(out, key)
				_write(out, map[key])
		_:
			push_error("msgpack: %s cannot be sent" % type_string(typeof(value)))
			out.put_u8(0xc0)


static func _write_int(out: StreamPeerBuffer, value: int) -> void:
	if value >= 0:
		_write_positive(out, value)
	elif value >= -32:
		out.put_8(value)
	elif value >= -0x80:
		out.put_u8(0xd0)
		out.put_8(value)
	elif value >= -0x8000:
		out.put_u8(0xd1)
		out.put_16(value)
	elif value >= -0x80000000:
		out.put_u8(0xd2)
		out.put_32(value)
	else:
		out.put_u8(0xd3)
		out.put_64(value)


static func _write_positive(out: StreamPeerBuffer, value: int) -> void:
	if value < 0x80:
		out.put_u8(value)
	elif value < 0x100:
		out.put_u8(0xcc)
		out.put_u8(value)
	elif value < 0x10000:
		out.put_u8(0xcd)
		out.put_u16(value)
	elif value < 0x100000000:
		out.put_u8(0xce)
		out.put_u32(value)
	else:
		out.put_u8(0xcf)
		out.put_u64(value)


static func _write_string(out: StreamPeerBuffer, text: String) -> void:
	var data := text.to_utf8_buffer()
	if data.size() >= 32 and data.size() < 0x100:
		out.put_u8(0xd9)
		out.put_u8(data.size())
	else:
		_write_length(out, data.size(), 0xa0, 32, 0xda)
	out.put_data(data)


## Write a length below [param short_end] into the kind byte itself, else as 16 or 32 bits after [param long_kind].
static func _write_length(out: StreamPeerBuffer, length: int, kind: int, short_end: int, long_kind: int) -> void:
	if length < short_end:
		out.put_u8(kind | length)
	elif length < 0x10000:
		out.put_u8(long_kind)
		out.put_u16(length)
	else:
		out.put_u8(long_kind + 1)
		out.put_u32(length)


func _read(depth: int) -> Variant:
	if depth > MAX_DEPTH:
		return _fail("deeper than %d levels" % MAX_DEPTH)
	var kind := _unsigned(1)
	if not error.is_empty():
		return null
	if kind < 0x80:
		return kind
	if kind < 0x90:
		return _read_map(kind & 0x0f, depth)
	if kind < 0xa0:
		return _read_array(kind & 0x0f, depth)
	if kind < 0xc0:
		return _read_string(kind & 0x1f)
	if kind >= 0xe0:
		return kind - 0x100
	return _read_marked(kind, depth)


func _read_marked(kind: int, depth: int) -> Variant:
	match kind:
		0xc0:
			return null
		0xc2, 0xc3:
			return kind == 0xc3
		0xca, 0xcb:
			return _read_float(4 if kind == 0xca else 8)
		0xcc, 0xcd, 0xce, 0xcf:
			return _unsigned(1 << (kind - 0xcc))
		0xd0, 0xd1, 0xd2, 0xd3:
			return _signed(1 << (kind - 0xd0))
		0xd9, 0xda, 0xdb:
			return _read_string(_unsigned(1 << (kind - 0xd9)))
		0xdc, 0xdd:
			return _read_array(_unsigned(2 << (kind - 0xdc)), depth)
		0xde, 0xdf:
			return _read_map(_unsigned(2 << (kind - 0xde)), depth)
	return _fail("type byte 0x%02x is not allowed" % kind)


func _read_float(width: int) -> Variant:
	if not _has(width):
		return null
	var reversed := _bytes.slice(_at, _at + width)
	reversed.reverse()
	_at += width
	var value := reversed.decode_float(0) if width == 4 else reversed.decode_double(0)
	return value if is_finite(value) else _fail("a number is not finite")


func _read_string(length: int) -> Variant:
	if length > MAX_STRING_BYTES:
		return _fail("a string of %d bytes, at most %d are allowed" % [length, MAX_STRING_BYTES])
	if not _has(length):
		return null
	var data := _bytes.slice(_at, _at + length)
	_at += length
	if not _is_utf8(data):
		return _fail("a string is not UTF-8")
	return data.get_string_from_utf8()


## The engine would print an error for every bad byte: a hostile peer could flood the console.
static func _is_utf8(data: PackedByteArray) -> bool:
	var at := 0
	while at < data.size():
		var lead := data[at]
		var more := 0 if lead < 0x80 else 1 if lead in range(0xc2, 0xe0) else 2 if lead in range(0xe0, 0xf0) else 3
		if lead in range(0x80, 0xc2) or lead > 0xf4 or at + more >= data.size():
			return false
		for index in range(at + 1, at + 1 + more):
			if data[index] & 0xc0 != 0x80:
				return false
		var second := data[at + 1] if more > 0 else 0
		# Overlong forms, surrogates, and what is beyond U+10FFFF.
		if lead == 0xe0 and second < 0xa0 or lead == 0xed and second > 0x9f:
			return false
		if lead == 0xf0 and second < 0x90 or lead == 0xf4 and second > 0x8f:
			return false
		at += more + 1
	return not data.has(0)


func _read_array(length: int, depth: int) -> Variant:
	if length > MAX_ITEMS:
		return _fail("an array of %d, at most %d are allowed" % [length, MAX_ITEMS])
	var items := []
	for index in length:
		items.append(_read(depth + 1))
		if not error.is_empty():
			return null
	return items


func _read_map(length: int, depth: int) -> Variant:
	if length > MAX_ITEMS:
		return _fail("a map of %d, at most %d are allowed" % [length, MAX_ITEMS])
	var map := {}
	for index in length:
		var key: Variant = _read(depth + 1)
		if error.is_empty() and not key is String:
			return _fail("a key is no string")
		var value: Variant = _read(depth + 1)
		if not error.is_empty():
			return null
		map[key] = value
	return map


## Read a big-endian number of [param width] bytes; one beyond 2⁶³−1 is an error, since ints here are signed.
func _unsigned(width: int) -> int:
	if not _has(width):
		return 0
	var value := 0
	for index in width:
		value = value << 8 | _bytes[_at + index]
	_at += width
	if value < 0:
		_fail("an integer is beyond 2^63-1")
		return 0
	return value


func _signed(width: int) -> int:
	if not _has(width):
		return 0
	var value := 0
	for index in width:
		value = value << 8 | _bytes[_at + index]
	_at += width
	var unused_bits := 64 - 8 * width
	return value << unused_bits >> unused_bits


func _has(count: int) -> bool:
	if error.is_empty() and _at + count > _bytes.size():
		_fail("the message ends too early")
	return error.is_empty()


func _fail(what: String) -> Variant:
	if error.is_empty():
		error = what
	return null
