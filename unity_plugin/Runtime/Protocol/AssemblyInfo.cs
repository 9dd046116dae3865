using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("SoundReactor.Tests.Editor")]
[assembly: InternalsVisibleTo("SoundReactor.Tests.Live")]
