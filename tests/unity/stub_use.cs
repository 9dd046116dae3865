using System;
using System.Collections.Generic;
using System.IO;
using System.Reflection;

/// <summary>
/// Prints every public member of the stub assemblies that none of the other assemblies uses, one a line.
/// Arguments: the folder, the stubs' names separated by commas, the users' names separated by commas.
/// Metadata tells calls, types and overrides; enum constants are compiled in, so their names are printed as
/// "enum Type.Name" for the caller to look up in the sources.
/// </summary>
public static class StubUse
{
    private const BindingFlags Own = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;
    private static readonly HashSet<string> Used = new HashSet<string>();

    public static void Main(string[] arguments)
    {
        List<Assembly> stubs = Load(arguments[0], arguments[1]);
        foreach (Assembly user in Load(arguments[0], arguments[2]))
        {
            foreach (Module module in user.GetModules())
            {
                Follow(module, 0x01000000);
                Follow(module, 0x0a000000);
                Follow(module, 0x2b000000);
            }
            FollowOverrides(user, stubs);
        }
        foreach (Assembly stub in stubs)
        {
            Array.ForEach(stub.GetExportedTypes(), NoteBases);
        }
        foreach (Assembly stub in stubs)
        {
            Array.ForEach(stub.GetExportedTypes(), Report);
        }
    }

    private static void NoteBases(Type type)
    {
        for (Type origin = type.BaseType; origin != null && Used.Contains(NameOf(type)); origin = origin.BaseType)
        {
            Used.Add(NameOf(origin));
        }
    }

    private static List<Assembly> Load(string folder, string names)
    {
        List<Assembly> loaded = new List<Assembly>();
        foreach (string name in names.Split(','))
        {
            loaded.Add(Assembly.LoadFrom(Path.Combine(folder, name + ".dll")));
        }
        return loaded;
    }

    /// <summary>Walk one table of the metadata: every token up to the first that is none.</summary>
    private static void Follow(Module module, int table)
    {
        for (int token = table + 1; ; token++)
        {
            MemberInfo member;
            try
            {
                member = module.ResolveMember(token, new Type[0], new Type[0]);
            }
            catch (ArgumentOutOfRangeException)
            {
                return;
            }
            catch (ArgumentException)
            {
                continue; // needs the generic context of its user
            }
            catch (BadImageFormatException)
            {
                continue;
            }
            Note(member);
        }
    }

    private static void Note(MemberInfo member)
    {
        Type type = member as Type;
        if (type != null)
        {
            Used.Add(NameOf(type));
            return;
        }
        Used.Add(NameOf(member.DeclaringType));
        Used.Add(NameOf(member.DeclaringType) + "." + member.Name + "/" + Parameters(member));
    }

    private static void FollowOverrides(Assembly user, List<Assembly> stubs)
    {
        foreach (Type type in user.GetTypes())
        {
            foreach (MethodInfo method in type.GetMethods(Own))
            {
                MethodInfo origin = method.GetBaseDefinition();
                if (origin != method && stubs.Contains(origin.DeclaringType.Assembly))
                {
                    Note(origin);
                }
            }
        }
    }

    private static void Report(Type type)
    {
        string name = NameOf(type);
        if (type.IsEnum)
        {
            foreach (string constant in Enum.GetNames(type))
            {
                Console.WriteLine("enum " + type.Name + "." + constant);
            }
            return;
        }
        bool isAnyUsed = Used.Contains(name);
        if (typeof(Delegate).IsAssignableFrom(type))
        {
            return; // used where its event is
        }
        JoinAccessors(type);
        foreach (MethodBase method in Methods(type))
        {
            bool isUsed = IsUsed(method);
            isAnyUsed |= isUsed;
            if (!isUsed)
            {
                Console.WriteLine("unused " + name + "." + method.Name + "/" + Parameters(method));
            }
        }
        foreach (FieldInfo field in type.GetFields(Own))
        {
            if (field.IsPublic && !Used.Contains(name + "." + field.Name + "/"))
            {
                Console.WriteLine("unused " + name + "." + field.Name);
            }
        }
        if (!isAnyUsed)
        {
            Console.WriteLine("unused type " + name);
        }
    }

    private static bool IsUsed(MethodBase method)
    {
        return Used.Contains(NameOf(method.DeclaringType) + "." + method.Name + "/" + Parameters(method));
    }

    /// <summary>A property or event is used as a whole.</summary>
    private static void JoinAccessors(Type type)
    {
        foreach (PropertyInfo property in type.GetProperties(Own))
        {
            Join(property.GetAccessors(true));
        }
        foreach (EventInfo item in type.GetEvents(Own))
        {
            Join(new[] { item.GetAddMethod(true), item.GetRemoveMethod(true) });
        }
    }

    private static void Join(MethodInfo[] accessors)
    {
        if (Array.Exists(accessors, IsUsed))
        {
            Array.ForEach(accessors, Note);
        }
    }

    private static IEnumerable<MethodBase> Methods(Type type)
    {
        List<MethodBase> found = new List<MethodBase>();
        foreach (MethodInfo method in type.GetMethods(Own))
        {
            bool isOfEquality = method.Name == "Equals" || method.Name == "GetHashCode"; // wanted beside operator ==
            if (method.IsPublic && !isOfEquality)
            {
                found.Add(method);
            }
        }
        foreach (ConstructorInfo constructor in type.GetConstructors())
        {
            if (constructor.GetParameters().Length > 0)
            {
                found.Add(constructor); // those without parameters the compiler adds
            }
        }
        return found;
    }

    private static string NameOf(Type type)
    {
        Type plain = type.IsGenericType ? type.GetGenericTypeDefinition() : type;
        return plain.FullName ?? plain.Name;
    }

    private static string Parameters(MemberInfo member)
    {
        MethodBase method = member as MethodBase;
        return method == null ? "" : method.GetParameters().Length + Kinds(method);
    }

    /// <summary>Types of the parameters, as far as both sides of a generic method spell them alike.</summary>
    private static string Kinds(MethodBase method)
    {
        string kinds = "";
        foreach (ParameterInfo parameter in method.GetParameters())
        {
            Type type = parameter.ParameterType;
            bool isOpen = type.IsGenericParameter || type.ContainsGenericParameters || type.IsGenericType || type.HasElementType;
            kinds += method.IsGenericMethod || method.DeclaringType.IsGenericType || isOpen ? " ?" : " " + type.Name;
        }
        return kinds;
    }
}
