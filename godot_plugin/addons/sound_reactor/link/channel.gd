## One TCP connection that speaks ZMTP: opened, polled, closed. Nothing in it blocks.
##
## Used by [code]conversation.gd[/code], in the link's thread.
extends RefCounted

const Zmtp := preload("../wire/zmtp.gd")

enum Phase { CLOSED, RESOLVING, CONNECTING, HANDSHAKE, OPEN }

const CHUNK_BYTES := 262144
## Control messages wait for the socket up to here; frames are skipped long before.
const MAX_WAITING_BYTES := 1 << 20

var phase := Phase.CLOSED
## Whether TCP was connected before [member phase] became CLOSED: somebody listens there.
var was_connected := false
## What the peer did wrong; empty if it only closed the connection or was never there.
var failure := ""

var _tcp: StreamPeerTCP
var _zmtp: Zmtp
var _port := 0
var _lookup := IP.RESOLVER_INVALID_ID
var _outbox: Array[PackedByteArray] = []
var _sent_of_first := 0
var _waiting_bytes := 0
var _progress_usec := 0


## Begin to connect.
func open(host: String, port: int) -> void:
	close()
	failure = ""
	was_connected = false
	_port = port
	_zmtp = Zmtp.new()
	_tcp = StreamPeerTCP.new()
	if host.is_valid_ip_address():
		_connect_to(host)
	else:
		_lookup = IP.resolve_hostname_queue_item(host, IP.TYPE_ANY)
		phase = Phase.RESOLVING


## Close at once; what waits is not sent.
func close() -> void:
	if _lookup != IP.RESOLVER_INVALID_ID:
		IP.erase_resolve_item(_lookup)
		_lookup = IP.RESOLVER_INVALID_ID
	if _tcp != null:
		_tcp.disconnect_from_host()
	_tcp = null
	phase = Phase.CLOSED
	_outbox.clear()
	_sent_of_first = 0
	_waiting_bytes = 0


## Move bytes both ways, as many as there are, and return the messages that are whole.
func poll() -> Array[PackedByteArray]:
	match phase:
		Phase.CLOSED:
			return []
		Phase.RESOLVING:
			_poll_lookup()
			return []
	_tcp.poll()
	var status := _tcp.get_status()
	if status == StreamPeerTCP.STATUS_CONNECTED:
		return _exchange()
	if status != StreamPeerTCP.STATUS_CONNECTING:
		close()
	return []


## Send one message; false if too much is waiting already.
func send(parts: Array[PackedByteArray]) -> bool:
	var size := 0
	for part in parts:
		size += part.size()
	if phase != Phase.OPEN or _waiting_bytes + size > MAX_WAITING_BYTES:
		return false
	_push(Zmtp.header(size))
	for part in parts:
		_push(part)
	_flush()
	return true


## Whether everything was handed to the system: a frame that would wait had better be replaced by a newer one.
func is_clear() -> bool:
	return phase == Phase.OPEN and _outbox.is_empty()


## For how long the peer has taken nothing although something waits for it.
func stalled_usec() -> int:
	return 0 if _outbox.is_empty() else Time.get_ticks_usec() - _progress_usec


func _connect_to(address: String) -> void:
	if _tcp.connect_to_host(address, _port) == OK:
		phase = Phase.CONNECTING
	else:
		close()


func _poll_lookup() -> void:
	var status := IP.get_resolve_item_status(_lookup)
	if status == IP.RESOLVER_STATUS_WAITING:
		return
	var address := IP.get_resolve_item_address(_lookup) if status == IP.RESOLVER_STATUS_DONE else ""
	IP.erase_resolve_item(_lookup)
	_lookup = IP.RESOLVER_INVALID_ID
	if address.is_empty():
		close()
	else:
		_connect_to(address)


func _exchange() -> Array[PackedByteArray]:
	if phase == Phase.CONNECTING:
		was_connected = true
		_tcp.set_no_delay(true)
		phase = Phase.HANDSHAKE
	var available := mini(_tcp.get_available_bytes(), CHUNK_BYTES)
	if available > 0:
		var got: Array = _tcp.get_partial_data(available)
		var data: PackedByteArray = got[1]
		_zmtp.feed(data)
	for reply in _zmtp.replies:
		if _waiting_bytes < MAX_WAITING_BYTES:  # a peer that asks and never reads must not cost memory
			_push(reply)
	_zmtp.replies.clear()
	if phase == Phase.HANDSHAKE and _zmtp.phase == Zmtp.Phase.TRAFFIC:
		phase = Phase.OPEN
	_flush()
	var messages := _zmtp.messages
	_zmtp.messages = []
	if not _zmtp.failure.is_empty():
		failure = _zmtp.failure
		close()
	return messages


func _push(bytes: PackedByteArray) -> void:
	if bytes.is_empty():
		return
	if _outbox.is_empty():
		_progress_usec = Time.get_ticks_usec()
	_outbox.append(bytes)
	_waiting_bytes += bytes.size()


## put_data() would block until the peer reads; put_partial_data() takes what fits.
func _flush() -> void:
	while _tcp != null and not _outbox.is_empty():
		var first := _outbox[0]
		var rest := first.slice(_sent_of_first) if _sent_of_first > 0 else first
		var result: Array = _tcp.put_partial_data(rest)
		var error: Error = result[0]
		var sent: int = result[1]
		if error != OK:
			return close()
		if sent > 0:
			_progress_usec = Time.get_ticks_usec()
		_waiting_bytes -= sent
		if sent < rest.size():
			_sent_of_first += sent
			return
		_sent_of_first = 0
		_outbox.remove_at(0)
