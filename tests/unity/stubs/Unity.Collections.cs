using System;

namespace Unity.Collections
{
    // ScriptReference/Unity.Collections.NativeArray_1
    public struct NativeArray<T> : IDisposable where T : struct
    {
        public NativeArray(int length, Allocator allocator, NativeArrayOptions options) { }
        public T this[int index] { get { return default(T); } set { } }
        public bool IsCreated { get { return false; } }
        public void Dispose() { }
        public static void Copy(NativeArray<T> src, int srcIndex, T[] dst, int dstIndex, int length) { }
    }

    // ScriptReference/Unity.Collections.Allocator
    public enum Allocator { Persistent }

    // ScriptReference/Unity.Collections.NativeArrayOptions
    public enum NativeArrayOptions { ClearMemory }
}
