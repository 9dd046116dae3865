## Starts a runtime for a link when nobody listens, once, and ends it with the link.
extends RefCounted

const RuntimeProcess := preload("runtime_process.gd")

## What went wrong last; empty if nothing did.
var problem := ""

var _process: RuntimeProcess
var _has_served := false


## Whether one was started, or could not be.
func is_tried() -> bool:
	return _process != null


## Whether one may still come: no reason to alarm anyone.
func may_come() -> bool:
	return _process == null or _process.is_starting()


## Start one; false with [member problem] set if that is not possible.
func start(command: String, words: PackedStringArray) -> bool:
	_process = RuntimeProcess.new()
	var is_started := _process.start(command, words)
	problem = _process.problem
	return is_started


## A session was opened while ours ran, if it does.
func note_session() -> void:
	_has_served = _process != null


## Notice that ours ended by itself; true once, with [member problem] set.
func has_died() -> bool:
	if _process == null or not _process.has_died():
		return false
	problem = _process.problem
	# One that never served would not serve the next time either; one that did may be started again.
	if _has_served:
		_process = null
		_has_served = false
	return true


## End what was started.
func stop() -> void:
	if _process != null:
		_process.stop()
		_process = null
