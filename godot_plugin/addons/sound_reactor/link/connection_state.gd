## What a link is doing. The four failures have four names, since their cures differ.
extends RefCounted

enum State {
	## Not asked to connect, or closed.
	OFF,
	## On the way to a first session.
	CONNECTING,
	## Frames go out; if the engine plays, sound comes back.
	RUNNING,
	## TCP is refused: the runtime is not started, or listens elsewhere.
	NOBODY_LISTENS,
	## Something accepts the connection and does not answer as a runtime does.
	SILENT,
	## The runtime said no; the message says why and what to do.
	REFUSED,
	## There is a session, but the runtime cannot use its pictures.
	FRAMES_REJECTED,
}
