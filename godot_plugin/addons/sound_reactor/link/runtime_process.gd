## A runtime started by us: found, started, watched, ended. Used by the link and by the editor's panel.
extends RefCounted

const COMMAND := "sr-runtime"
## As long as a first start takes on a slow machine, with the model warmed up.
const START_MS := 60_000

## Process id; 0 if nothing was started.
var pid := 0
## What went wrong; empty if nothing did.
var problem := ""

var _started_ms := 0


## Return the full path of the command, from [param wanted], [code]$SR_RUNTIME[/code] or the PATH; empty if there is none.
static func find(wanted: String) -> String:
	var name := wanted if wanted else OS.get_environment("SR_RUNTIME")
	if name.is_empty():
		name = COMMAND
	if name.is_absolute_path() or name.contains("/") or name.contains("\\"):
		var path := ProjectSettings.globalize_path(name)
		return path if FileAccess.file_exists(path) else ""
	var is_windows := OS.has_feature("windows")
	for folder in OS.get_environment("PATH").split(";" if is_windows else ":", false):
		for suffix: String in [".exe", ""] if is_windows else [""]:
			var path := folder.path_join(name + suffix)
			if FileAccess.file_exists(path):
				return path
	return ""


## Start it; false with [member problem] set if that is not possible.
func start(wanted: String, arguments: PackedStringArray) -> bool:
	var path := find(wanted)
	if path.is_empty():
		var name := wanted if wanted else COMMAND
		problem = "cannot start the runtime: there is no '%s'; install it, or set its path" % name
		return false
	# A game that crashes or is killed ends nothing: the runtime itself must notice.
	var words := PackedStringArray(["serve", "--exit-with-pid", str(OS.get_process_id())])
	words.append_array(arguments)
	pid = OS.create_process(path, words)
	_started_ms = Time.get_ticks_msec()
	problem = "" if pid > 0 else "cannot start the runtime: %s does not run" % path
	return pid > 0


## Whether it runs.
func is_running() -> bool:
	return pid > 0 and OS.is_process_running(pid)


## Whether it was started so lately that it may still be warming up.
func is_starting() -> bool:
	return is_running() and Time.get_ticks_msec() - _started_ms < START_MS


## Notice that it ended by itself; true once, with [member problem] set.
func has_died() -> bool:
	if pid <= 0 or OS.is_process_running(pid):
		return false
	problem = "the runtime that was started ended with code %d: see what it printed" % OS.get_process_exit_code(pid)
	pid = 0
	return true


## End what was started: asked nicely where the system can, so that its connection file goes too.
func stop() -> void:
	if not is_running():
		pid = 0
		return
	if OS.has_feature("windows") or OS.execute("kill", ["-INT", str(pid)]) != 0:
		OS.kill(pid)
	pid = 0
