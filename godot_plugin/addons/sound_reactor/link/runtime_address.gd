## Where the runtime is and which token it wants: what the user set, else the connection file of this machine.
##
## A running runtime keeps that file, readable by its user only; the places stand in the protocol. Any thread.
extends RefCounted

const DEFAULT_ENDPOINT := "tcp://127.0.0.1:5599"
const MAX_FILE_BYTES := 16384
## Permissions of group and others, who must not read the token.
const OTHERS := 0x3f

var endpoint := DEFAULT_ENDPOINT
var host := ""
var port := 0
var token := ""
## Why the connection file could not be used; empty if it could, or was not needed.
var problem := ""


## Return the address for a link with these settings; empty ones are looked up.
static func find(wanted_endpoint: String, wanted_token: String) -> RefCounted:
	var found := new()
	found.endpoint = wanted_endpoint if wanted_endpoint else DEFAULT_ENDPOINT
	found.token = wanted_token
	if wanted_endpoint.is_empty() or wanted_token.is_empty():
		found._read_file(wanted_endpoint.is_empty(), wanted_token.is_empty())
	var place: PackedStringArray = split(found.endpoint)
	if place.is_empty():
		found.problem = "address: expected tcp://HOST:PORT, got '%s'" % found.endpoint
	else:
		found.host = place[0]
		found.port = place[1].to_int()
	return found


## Return host and port of [code]tcp://HOST:PORT[/code]; empty if it is something else.
static func split(text: String) -> PackedStringArray:
	var shape := RegEx.create_from_string("^tcp://(\\[[0-9a-fA-F:]+\\]|[A-Za-z0-9._-]+):([0-9]{1,5})$")
	var found := shape.search(text.strip_edges())
	if found == null or found.get_string(2).to_int() not in range(1, 65536):
		return []
	return [found.get_string(1).trim_prefix("[").trim_suffix("]"), found.get_string(2)]


## Whether the address is empty or wrong, or this machine's own.
static func is_here(text: String) -> bool:
	var place := split(text)
	return place.is_empty() or place[0] in ["127.0.0.1", "localhost", "::1"]


## Return where this machine's runtime keeps its connection file.
static func file_path() -> String:
	var named := OS.get_environment("SR_CONNECTION_FILE")
	return named if named else _private_folder().path_join("sr-runtime/connection.json")


static func _private_folder() -> String:
	if OS.has_feature("windows"):
		return OS.get_environment("LOCALAPPDATA")
	if OS.has_feature("macos"):
		return OS.get_environment("HOME").path_join("Library/Caches")
	var runtime := OS.get_environment("XDG_RUNTIME_DIR")
	if runtime and DirAccess.dir_exists_absolute(runtime):
		return runtime
	var cache := OS.get_environment("XDG_CACHE_HOME")
	return cache if cache else OS.get_environment("HOME").path_join(".cache")


func _read_file(wants_endpoint: bool, wants_token: bool) -> void:
	var path := file_path()
	if not FileAccess.file_exists(path):
		problem = "there is no connection file at %s" % path
		return
	if FileAccess.get_unix_permissions(path) & OTHERS:
		problem = "others can read the token in %s: run chmod 600 on it" % path
		return
	var text := FileAccess.get_file_as_bytes(path).slice(0, MAX_FILE_BYTES).get_string_from_utf8()
	var parser := JSON.new()
	if parser.parse(text) != OK or not parser.data is Dictionary:
		problem = "%s is damaged: restart the runtime, which writes it anew" % path
		return
	var content: Dictionary = parser.data
	var listens := str(content.get("endpoint", DEFAULT_ENDPOINT))
	if wants_endpoint:
		endpoint = listens
	if not wants_token:
		return
	if endpoint == listens or is_here(endpoint):
		token = str(content.get("token", ""))
	else:
		problem = "a token is needed for %s: that of this machine's runtime is not sent to another" % endpoint
