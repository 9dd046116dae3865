## The messages of the SoundReactor protocol, version 1: to bytes and back. All functions are pure; any thread.
##
## [code]frame[/code] and [code]audio[/code] have a fixed 40-byte little-endian header and raw bytes after it; all
## others are the kind byte and one msgpack map.
extends RefCounted

const Msgpack := preload("msgpack.gd")

enum Kind { NONE, FRAME, AUDIO, HELLO, WELCOME, CONTROL, STATUS, PING, PONG, ERROR, BYE }

const PROTOCOL := 1
const PROTOCOL_MINOR := 0
const HEADER_BYTES := 40
const RGB8 := 1
const FLOAT32 := 1
const INT16 := 2
## Flag of a frame: the picture before was another scene, so the difference to it counts as zero.
const DISCONTINUITY := 1
## Flag of sound: time was lost before this hop, its start is faded in.
const FADE_IN := 1
const SAMPLE_RATE := 48000
const HOP_SAMPLES := 1600
## Lockstep at 1 fps; longer sound does not come.
const MAX_AUDIO_SAMPLES := 48000
## Keys that must be there with the right type for the message to mean anything.
const REQUIRED: Dictionary[Kind, Dictionary] = {
	Kind.WELCOME: {"session": TYPE_INT},
	Kind.STATUS: {"session": TYPE_INT},
	Kind.PONG: {"session": TYPE_INT, "t0_ns": TYPE_INT, "t1_ns": TYPE_INT, "t2_ns": TYPE_INT},
	Kind.ERROR: {"code": TYPE_STRING},
	Kind.BYE: {"session": TYPE_INT},
}
const DEFAULTS: Dictionary[Kind, Dictionary] = {
	Kind.WELCOME: {
		"protocol": PROTOCOL,
		"protocol_minor": 0,
		"server": "",
		"server_version": "",
		"capabilities": [],
		"picture_width": 224,
		"picture_height": 224,
		"sample_rate": SAMPLE_RATE,
		"hop_samples": HOP_SAMPLES,
		"bundle": "",
		"latency_ms": 0.0,
		"max_frame_hz": 0.0,
		"window": 0,
		"notice": "",
	},
	Kind.ERROR: {"expected": "", "got": "", "fix": "", "session": 0, "seq": 0, "fatal": false},
	Kind.BYE: {"reason": ""},
}


## Sound as it came: [member sound] is stereo, 48 kHz, −1..1.
class Audio:
	extends RefCounted
	var flags := 0
	var session := 0
	var hop := 0
	## The engine's clock when the newest frame heard was captured, in ns.
	var capture_ns := 0
	## How old that frame was when the hop started, in µs.
	var age_us := 0
	var seq := 0
	var sound := PackedVector2Array()


## Return a control message: [param map] after the byte [param kind].
static func encode(kind: Kind, map: Dictionary) -> PackedByteArray:
	var bytes := PackedByteArray([kind])
	bytes.append_array(Msgpack.encode(map))
	return bytes


## Return the 40 bytes that go before the pixels of a picture.
static func frame_header(
	session: int, seq: int, capture_ns: int, size: Vector2i, payload_bytes: int, flags: int = 0, format: int = RGB8, step: int = 0
) -> PackedByteArray:
	var bytes := PackedByteArray()
	bytes.resize(HEADER_BYTES)
	bytes.encode_u8(0, Kind.FRAME)
	bytes.encode_u8(1, format)
	bytes.encode_u16(2, flags)
	bytes.encode_u32(4, session)
	bytes.encode_u64(8, seq)
	bytes.encode_s64(16, capture_ns)
	bytes.encode_u16(24, size.x)
	bytes.encode_u16(26, size.y)
	bytes.encode_u32(28, payload_bytes)
	bytes.encode_u64(32, step)
	return bytes


## Return the kind of a message; [constant Kind.NONE] if there is no such kind.
static func kind_of(bytes: PackedByteArray) -> Kind:
	if bytes.is_empty() or bytes[0] > Kind.BYE:
		return Kind.NONE
	return bytes[0] as Kind


## Return the map of a control message, with defaults filled in; empty if it is damaged.
static func decode(bytes: PackedByteArray) -> Dictionary:
	var kind := kind_of(bytes)
	var map: Variant = Msgpack.new().decode(bytes, 1)
	if not map is Dictionary:
		return {}
	var message: Dictionary = map
	var required: Dictionary = REQUIRED.get(kind, {})
	for key: String in required:
		if typeof(message.get(key)) != required[key]:
			return {}
	var defaults: Dictionary = DEFAULTS.get(kind, {})
	for key: String in defaults:
		if not _is_like(message.get(key), defaults[key]):
			message[key] = defaults[key]
	return message


## Return the sound in an audio message, or null if it is damaged.
static func decode_audio(bytes: PackedByteArray) -> Audio:
	if bytes.size() < HEADER_BYTES or bytes[0] != Kind.AUDIO:
		return null
	var format := bytes.decode_u8(1)
	var samples := bytes.decode_u32(24)
	var sample_bytes := 8 if format == FLOAT32 else 4
	if format not in [FLOAT32, INT16] or samples > MAX_AUDIO_SAMPLES:
		return null
	if bytes.size() != HEADER_BYTES + samples * sample_bytes:
		return null
	var audio := Audio.new()
	audio.flags = bytes.decode_u16(2)
	audio.session = bytes.decode_u32(4)
	audio.hop = bytes.decode_s64(8)
	audio.capture_ns = bytes.decode_s64(16)
	audio.age_us = bytes.decode_u32(28)
	audio.seq = bytes.decode_s64(32)
	audio.sound = _float_pairs(bytes, samples) if format == FLOAT32 else _int16_pairs(bytes, samples)
	return audio


## Numbers of both kinds pass for each other; all else must have the default's own type.
static func _is_like(value: Variant, default: Variant) -> bool:
	if typeof(default) in [TYPE_INT, TYPE_FLOAT]:
		return typeof(value) in [TYPE_INT, TYPE_FLOAT]
	return typeof(value) == typeof(default)


## A stereo pair is a Vector2, and a Variant's own form in bytes is type, count, then the floats as they came:
## 20 µs for a hop, where a loop in a script takes 500.
static func _float_pairs(bytes: PackedByteArray, samples: int) -> PackedVector2Array:
	var variant := PackedByteArray()
	variant.resize(8)
	variant.encode_u32(0, TYPE_PACKED_VECTOR2_ARRAY)
	variant.encode_u32(4, samples)
	variant.append_array(bytes.slice(HEADER_BYTES))
	return bytes_to_var(variant)


static func _int16_pairs(bytes: PackedByteArray, samples: int) -> PackedVector2Array:
	var sound := PackedVector2Array()
	sound.resize(samples)
	for index in samples:
		var at := HEADER_BYTES + 4 * index
		sound[index] = Vector2(bytes.decode_s16(at), bytes.decode_s16(at + 2)) / 32767.0
	return sound
