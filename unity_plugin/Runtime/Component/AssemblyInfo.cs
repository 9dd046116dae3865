using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("SoundReactor.Tests.Editor")]
