namespace UnityEngine.TestTools
{
    // PackageReference/com.unity.test-framework/UnityEngine.TestTools.UnityTestAttribute
    public class UnityTestAttribute : NUnit.Framework.TestAttribute { }
}
