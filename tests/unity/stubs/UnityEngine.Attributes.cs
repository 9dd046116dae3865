using System;

namespace UnityEngine
{
    // ScriptReference/AddComponentMenu
    public sealed class AddComponentMenu : Attribute
    {
        public AddComponentMenu(string menuName) { }
    }

    // ScriptReference/DefaultExecutionOrder
    public class DefaultExecutionOrder : Attribute
    {
        public DefaultExecutionOrder(int order) { }
    }

    // ScriptReference/DisallowMultipleComponent
    public sealed class DisallowMultipleComponent : Attribute { }

    // ScriptReference/RequireComponent
    public sealed class RequireComponent : Attribute
    {
        public RequireComponent(Type requiredComponent) { }
        public RequireComponent(Type requiredComponent, Type requiredComponent2) { }
    }

    // ScriptReference/SerializeField
    public sealed class SerializeField : Attribute { }

    // ScriptReference/TooltipAttribute
    public class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string tooltip) { }
    }

    // ScriptReference/RangeAttribute
    public sealed class RangeAttribute : Attribute
    {
        public RangeAttribute(float min, float max) { }
    }
}
