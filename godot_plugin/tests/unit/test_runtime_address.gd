extends "../case.gd"

const RuntimeAddress := preload("res://addons/sound_reactor/link/runtime_address.gd")

const FILE := "user://connection-test.json"


func _with_file(text: String, mode: int = 0x180) -> void:
	var path := ProjectSettings.globalize_path(FILE)
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string(text)
	file.close()
	FileAccess.set_unix_permissions(path, mode)
	OS.set_environment("SR_CONNECTION_FILE", path)


func test_addresses_are_split_and_wrong_ones_refused() -> void:
	check_equal(RuntimeAddress.split("tcp://127.0.0.1:5599"), PackedStringArray(["127.0.0.1", "5599"]), "IPv4")
	check_equal(RuntimeAddress.split("tcp://[::1]:5599"), PackedStringArray(["::1", "5599"]), "IPv6")
	check_equal(RuntimeAddress.split("tcp://localhost:1"), PackedStringArray(["localhost", "1"]), "a name")
	for wrong: String in ["", "127.0.0.1:5599", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://x:65536", "http://x:1", "tcp://a b:1"]:
		check(RuntimeAddress.split(wrong).is_empty(), wrong)


func test_this_machine_is_told_from_others() -> void:
	for here: String in ["", "nonsense", "tcp://127.0.0.1:5599", "tcp://localhost:5599", "tcp://[::1]:5599"]:
		check(RuntimeAddress.is_here(here), here)
	for other: String in ["tcp://192.0.2.1:5599", "tcp://127.0.0.1.example:5599"]:
		check(not RuntimeAddress.is_here(other), other)


func test_the_connection_file_gives_what_is_not_set() -> void:
	_with_file('{"endpoint": "tcp://127.0.0.1:7001", "token": "abc"}')
	var found: RuntimeAddress = RuntimeAddress.find("", "")
	check_equal([found.host, found.port, found.token, found.problem], ["127.0.0.1", 7001, "abc", ""], "both")
	found = RuntimeAddress.find("tcp://127.0.0.1:7002", "")
	check_equal([found.port, found.token], [7002, "abc"], "own address")
	found = RuntimeAddress.find("", "mine")
	check_equal([found.port, found.token], [7001, "mine"], "own token")


func test_a_token_goes_to_this_machine_and_where_its_file_says() -> void:
	_with_file('{"endpoint": "tcp://192.0.2.1:7001", "token": "abc"}')
	check_equal(RuntimeAddress.find("tcp://192.0.2.1:7001", "").token, "abc", "as the file says")
	var other: RuntimeAddress = RuntimeAddress.find("tcp://192.0.2.2:7001", "")
	check_equal(other.token, "", "another machine")
	check(other.problem.contains("a token is needed for tcp://192.0.2.2:7001"), other.problem)


func test_a_missing_damaged_or_public_file_is_a_problem_in_words() -> void:
	OS.set_environment("SR_CONNECTION_FILE", "/nowhere/connection.json")
	check(RuntimeAddress.find("", "").problem.contains("/nowhere/connection.json"), "missing")
	_with_file("{")
	check(RuntimeAddress.find("", "").problem.contains("damaged"), "damaged")
	_with_file('{"token": "abc"}', 0x1a4)
	var found: RuntimeAddress = RuntimeAddress.find("", "")
	check(found.problem.contains("chmod 600") or OS.has_feature("windows"), "public: %s" % found.problem)
	check_equal(found.port, 5599, "the default stays")


func test_a_wrong_address_is_a_problem_in_words() -> void:
	var found: RuntimeAddress = RuntimeAddress.find("localhost", "x")
	check(found.problem.contains("tcp://HOST:PORT"), found.problem)
	check_equal(found.port, 0, "port")
