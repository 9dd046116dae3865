## A small test runner: every [code]test_*[/code] method of every script in [code]tests/unit[/code].
##
## [codeblock]godot --headless --path godot_plugin -s tests/run.gd -- [--vectors=DIR] [--only=WORD][/codeblock]
## Prints one line per test and ends with the number of failures as exit code.
extends SceneTree

const FOLDER := "res://tests/unit"


func _init() -> void:
	_run.call_deferred()


func _run() -> void:
	var only := argument("only")
	var passed := 0
	var failed := 0
	for file in DirAccess.get_files_at(FOLDER):
		if not file.ends_with(".gd"):
			continue
		var script: GDScript = load(FOLDER.path_join(file))
		for method in script.get_script_method_list():
			var name: String = method["name"]
			if not name.begins_with("test_") or not only.is_empty() and not (file + name).contains(only):
				continue
			var failures := await _run_one(script, name)
			passed += int(failures.is_empty())
			failed += int(not failures.is_empty())
			print("%s %s::%s" % ["FAIL" if failures else "ok  ", file, name])
			for failure in failures:
				print("     ", failure)
	print("%d passed, %d failed" % [passed, failed])
	quit(mini(failed, 100) if passed > 0 else 101)


func _run_one(script: GDScript, method: String) -> PackedStringArray:
	var test: RefCounted = script.new()
	test.set(&"tree", self)
	@warning_ignore("redundant_await")
	await test.call(method)
	var failures: PackedStringArray = test.get(&"failures")
	var checks: int = test.get(&"checks")
	if checks == 0:
		failures.append("it checked nothing")
	return failures


## Return the value of the user argument [code]--name=value[/code], or an empty string.
static func argument(name: String) -> String:
	for word in OS.get_cmdline_user_args():
		if word.begins_with("--%s=" % name):
			return word.get_slice("=", 1)
	return ""
