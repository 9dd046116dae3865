// Written by tests/unity/golden.py from bridge/vectors; change those instead.
using System;
using System.Collections.Generic;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Protocol
{
    /// <summary>The golden messages: their bytes, and what they mean.</summary>
    public static class GoldenMessages
    {
        /// <summary>Return the bytes of a message.</summary>
        public static byte[] Bytes(string name)
        {
            return Convert.FromBase64String(Find(name)[1]);
        }

        /// <summary>Return the plain values that a message means.</summary>
        public static Dictionary<string, string> Meaning(string name)
        {
            return FlatJson.Parse(Find(name)[2]);
        }

        private static string[] Find(string name)
        {
            foreach (string[] message in All())
            {
                if (message[0] == name)
                {
                    return message;
                }
            }
            throw new ArgumentException("no golden message is called " + name);
        }

        private static string[][] All()
        {
            return new[]
            {
                new[]
                {
                    "audio_float32",
                    "AgEBAAQDAgEAAAAAAAAAAMsE+3EfAQAACAAAAOEQAAABAAAAAAAAAAAAAAAAAAAAAAAAPgAAAL4AAIA+AACAvgAAwD4AAMC+"
                        + "AAAAPwAAAL8AACA/AAAgvwAAQD8AAEC/AABgPwAAYL8=",
                    "{\"kind\": \"audio\", \"format\": 1, \"flags\": 1, \"session\": 16909060, \"hop\": 0, \"capture_ns\": 12345678"
                        + "90123, \"samples\": 8, \"age_us\": 4321, \"seq\": 1, \"payload\": [[0.0, 0.0], [0.125, -0.125], [0.25, -"
                        + "0.25], [0.375, -0.375], [0.5, -0.5], [0.625, -0.625], [0.75, -0.75], [0.875, -0.875]]}"
                },
                new[]
                {
                    "audio_int16",
                    "AgIGAAcAAAAAAAAAAgAAAPv/////////CAAAAAAAAAADAAAAAAEAAAAAAAAAEADwACAA4AAwANAAQADA/08BsP9fAaD/bwGQ",
                    "{\"kind\": \"audio\", \"format\": 2, \"flags\": 6, \"session\": 7, \"hop\": 8589934592, \"capture_ns\": -5, \"s"
                        + "amples\": 8, \"age_us\": 0, \"seq\": 1099511627779, \"payload\": [[0.0, 0.0], [0.125, -0.125], [0.25, -"
                        + "0.25], [0.375, -0.375], [0.5, -0.5], [0.625, -0.625], [0.75, -0.75], [0.875, -0.875]]}"
                },
                new[]
                {
                    "bye",
                    "CoKnc2Vzc2lvbgemcmVhc29utGNsb3NlZCBieSB0aGUgY2xpZW50",
                    "{\"kind\": \"bye\", \"session\": 7, \"reason\": \"closed by the client\"}"
                },
                new[]
                {
                    "control_all",
                    "BYmnc2Vzc2lvbgeoZ3VpZGFuY2XLAAAAAAAAAACjbmZlBKRnYWluyz/QAAAAAAAApG11dGXDpHNlZWTPf/////////+lcmVz"
                        + "ZXTCpXBhdXNlw6RwbGF5p3J1bnRpbWU=",
                    "{\"kind\": \"control\", \"session\": 7, \"guidance\": 0.0, \"nfe\": 4, \"gain\": 0.25, \"mute\": true, \"seed\":"
                        + " 9223372036854775807, \"reset\": false, \"pause\": true, \"play\": \"runtime\"}"
                },
                new[]
                {
                    "control_some",
                    "BYSnc2Vzc2lvbs4BAgMEqGd1aWRhbmNlyz/4AAAAAAAApG11dGXCpXJlc2V0ww==",
                    "{\"kind\": \"control\", \"session\": 16909060, \"guidance\": 1.5, \"mute\": false, \"reset\": true}"
                },
                new[]
                {
                    "error",
                    "CYekY29kZahiYWRfc2l6ZahleHBlY3RlZLE5NjAgcGF5bG9hZCBieXRlc6Nnb3SiMTKjZml4snNlbmQgdW5wYWRkZWQgcm93"
                        + "c6dzZXNzaW9uB6NzZXHPAAABAAAAAAOlZmF0YWzC",
                    "{\"kind\": \"error\", \"code\": \"bad_size\", \"expected\": \"960 payload bytes\", \"got\": \"12\", \"fix\": \"send"
                        + " unpadded rows\", \"session\": 7, \"seq\": 1099511627779, \"fatal\": false}"
                },
                new[]
                {
                    "error_fatal",
                    "CYekY29kZaliYWRfdG9rZW6oZXhwZWN0ZWSzdGhlIHJ1bnRpbWUncyB0b2tlbqNnb3SnYW5vdGhlcqNmaXincmVhZCBpdKdz"
                        + "ZXNzaW9uAKNzZXEApWZhdGFsww==",
                    "{\"kind\": \"error\", \"code\": \"bad_token\", \"expected\": \"the runtime's token\", \"got\": \"another\", \"fix"
                        + "\": \"read it\", \"session\": 0, \"seq\": 0, \"fatal\": true}"
                },
                new[]
                {
                    "frame_lockstep_cut",
                    "AQEBAP////8JAAAAAAAAAAAAAAAAAABAFAAQAMADAAAJAAAAAAAAAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
                        + "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZn"
                        + "aGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6v"
                        + "sLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3"
                        + "+Pn6AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNE"
                        + "RUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouM"
                        + "jY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU"
                        + "1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+foAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"
                        + "IiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hp"
                        + "amtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImKi4yNjo+QkZKTlJWWl5iZmpucnZ6foKGio6SlpqeoqaqrrK2ur7Cx"
                        + "srO0tba3uLm6u7y9vr/AwcLDxMXGx8jJysvMzc7P0NHS09TV1tfY2drb3N3e3+Dh4uPk5ebn6Onq6+zt7u/w8fLz9PX29/j5"
                        + "+gABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVG"
                        + "R0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2O"
                        + "j5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzg==",
                    "{\"kind\": \"frame\", \"format\": 1, \"flags\": 1, \"session\": 4294967295, \"seq\": 9, \"capture_ns\": 461168"
                        + "6018427387904, \"width\": 20, \"height\": 16, \"payload_bytes\": 960, \"step\": 9, \"payload\": \"byte i is"
                        + " i mod 251\"}"
                },
                new[]
                {
                    "frame_rgb8",
                    "AQEAAAQDAgEBAAAAAAAAAMsE+3EfAQAAFAAQAMADAAAAAAAAAAAAAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
                        + "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZn"
                        + "aGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6v"
                        + "sLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3"
                        + "+Pn6AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNE"
                        + "RUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouM"
                        + "jY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU"
                        + "1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+foAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"
                        + "IiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hp"
                        + "amtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImKi4yNjo+QkZKTlJWWl5iZmpucnZ6foKGio6SlpqeoqaqrrK2ur7Cx"
                        + "srO0tba3uLm6u7y9vr/AwcLDxMXGx8jJysvMzc7P0NHS09TV1tfY2drb3N3e3+Dh4uPk5ebn6Onq6+zt7u/w8fLz9PX29/j5"
                        + "+gABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVG"
                        + "R0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2O"
                        + "j5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzg==",
                    "{\"kind\": \"frame\", \"format\": 1, \"flags\": 0, \"session\": 16909060, \"seq\": 1, \"capture_ns\": 12345678"
                        + "90123, \"width\": 20, \"height\": 16, \"payload_bytes\": 960, \"step\": 0, \"payload\": \"byte i is i mod 2"
                        + "51\"}"
                },
                new[]
                {
                    "frame_rgba8_bottom_up",
                    "AQICAAcAAAADAAAAAAEAAPv/////////FAAQAAAFAAAAAAAAAAAAAAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
                        + "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZn"
                        + "aGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2Oj5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6v"
                        + "sLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3"
                        + "+Pn6AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNE"
                        + "RUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouM"
                        + "jY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU"
                        + "1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+foAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"
                        + "IiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl9gYWJjZGVmZ2hp"
                        + "amtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoOEhYaHiImKi4yNjo+QkZKTlJWWl5iZmpucnZ6foKGio6SlpqeoqaqrrK2ur7Cx"
                        + "srO0tba3uLm6u7y9vr/AwcLDxMXGx8jJysvMzc7P0NHS09TV1tfY2drb3N3e3+Dh4uPk5ebn6Onq6+zt7u/w8fLz9PX29/j5"
                        + "+gABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVG"
                        + "R0hJSktMTU5PUFFSU1RVVldYWVpbXF1eX2BhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ent8fX5/gIGCg4SFhoeIiYqLjI2O"
                        + "j5CRkpOUlZaXmJmam5ydnp+goaKjpKWmp6ipqqusra6vsLGys7S1tre4ubq7vL2+v8DBwsPExcbHyMnKy8zNzs/Q0dLT1NXW"
                        + "19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj"
                        + "JCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWpr"
                        + "bG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKz"
                        + "tLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+foA"
                        + "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY",
                    "{\"kind\": \"frame\", \"format\": 2, \"flags\": 2, \"session\": 7, \"seq\": 1099511627779, \"capture_ns\": -5,"
                        + " \"width\": 20, \"height\": 16, \"payload_bytes\": 1280, \"step\": 0, \"payload\": \"byte i is i mod 251\"}"
                },
                new[]
                {
                    "hello_live",
                    "A4qldG9rZW66Z29sZGVuLXRva2VuLW9mLW5vLXJ1bnRpbWWocHJvdG9jb2wBrnByb3RvY29sX21pbm9yAKZjbGllbnSmZ29s"
                        + "ZGVurmNsaWVudF92ZXJzaW9upTEuMi4zpG1vZGWkbGl2ZaNmcHPLAAAAAAAAAACkcGxheaRib3RopWF1ZGlvp2Zsb2F0MzKk"
                        + "c2VlZCo=",
                    "{\"kind\": \"hello\", \"token\": \"golden-token-of-no-runtime\", \"protocol\": 1, \"protocol_minor\": 0, \"cl"
                        + "ient\": \"golden\", \"client_version\": \"1.2.3\", \"mode\": \"live\", \"fps\": 0.0, \"play\": \"both\", \"audio\":"
                        + " \"float32\", \"seed\": 42}"
                },
                new[]
                {
                    "hello_lockstep",
                    "A4qldG9rZW66Z29sZGVuLXRva2VuLW9mLW5vLXJ1bnRpbWWocHJvdG9jb2wBrnByb3RvY29sX21pbm9yAKZjbGllbnSgrmNs"
                        + "aWVudF92ZXJzaW9uoKRtb2RlqGxvY2tzdGVwo2Zwc8tAPfhR64UeuKRwbGF5pmVuZ2luZaVhdWRpb6VpbnQxNqRzZWVkAA==",
                    "{\"kind\": \"hello\", \"token\": \"golden-token-of-no-runtime\", \"protocol\": 1, \"protocol_minor\": 0, \"cl"
                        + "ient\": \"\", \"client_version\": \"\", \"mode\": \"lockstep\", \"fps\": 29.97, \"play\": \"engine\", \"audio\": \"i"
                        + "nt16\", \"seed\": 0}"
                },
                new[]
                {
                    "ping",
                    "B4Knc2Vzc2lvbgeldDBfbnPT/////eeO5gA=",
                    "{\"kind\": \"ping\", \"session\": 7, \"t0_ns\": -9000000000}"
                },
                new[]
                {
                    "pong",
                    "CISnc2Vzc2lvbgeldDBfbnPT/////eeO5gCldDFfbnPPQAAAAAAAAACldDJfbnPPQAAAAAAAA+g=",
                    "{\"kind\": \"pong\", \"session\": 7, \"t0_ns\": -9000000000, \"t1_ns\": 4611686018427387904, \"t2_ns\": 4611"
                        + "686018427388904}"
                },
                new[]
                {
                    "status",
                    "Bt4AHadzZXNzaW9uB6VzdGF0ZadydW5uaW5no2hvcM0BLK9mcmFtZXNfcmVjZWl2ZWTNATarZnJhbWVzX3VzZWTNASKuZnJh"
                        + "bWVzX2Ryb3BwZWQUr2ZyYW1lc19yZWplY3RlZIGoYmFkX3NpemUCrWhvcHNfcmVwZWF0ZWQArGhvcHNfc2tpcHBlZACraG9w"
                        + "c191bnNlbnQAqGd1aWRhbmNly0AAAAAAAAAAo25mZQGkZ2Fpbss/8AAAAAAAAKRtdXRlwqRzZWVkAKRwbGF5oKhkZWdyYWRl"
                        + "ZMKoc2Vzc2lvbnMCqmhvcF9tc19wNTDLQCEAAAAAAACqaG9wX21zX3A5OcsAAAAAAAAAALJhZnRlcl9mcmFtZV9tc19wNTDL"
                        + "AAAAAAAAAACwZnJhbWVfYWdlX21zX3A1MMsAAAAAAAAAAKl1bmRlcnJ1bnMAp2dhcHNfbXPLAAAAAAAAAACobGV2ZWxfbXPL"
                        + "AAAAAAAAAACjcHBty8AogAAAAAAAtmZyYW1lX3RvX3NhbXBsZV9tc19wNTDLAAAAAAAAAAC2ZnJhbWVfdG9fc2FtcGxlX21z"
                        + "X3A5NcsAAAAAAAAAAKZvdXRwdXSg",
                    "{\"kind\": \"status\", \"session\": 7, \"state\": \"running\", \"hop\": 300, \"frames_received\": 310, \"frames"
                        + "_used\": 290, \"frames_dropped\": 20, \"frames_rejected\": {\"bad_size\": 2}, \"hops_repeated\": 0, \"hops"
                        + "_skipped\": 0, \"hops_unsent\": 0, \"guidance\": 2.0, \"nfe\": 1, \"gain\": 1.0, \"mute\": false, \"seed\": 0"
                        + ", \"play\": \"\", \"degraded\": false, \"sessions\": 2, \"hop_ms_p50\": 8.5, \"hop_ms_p99\": 0.0, \"after_fra"
                        + "me_ms_p50\": 0.0, \"frame_age_ms_p50\": 0.0, \"underruns\": 0, \"gaps_ms\": 0.0, \"level_ms\": 0.0, \"ppm\""
                        + ": -12.25, \"frame_to_sample_ms_p50\": 0.0, \"frame_to_sample_ms_p95\": 0.0, \"output\": \"\"}"
                },
                new[]
                {
                    "status_request",
                    "BoGnc2Vzc2lvbgc=",
                    "{\"kind\": \"status\", \"session\": 7}"
                },
                new[]
                {
                    "welcome",
                    "BI+nc2Vzc2lvbs4BAgMEqHByb3RvY29sAa5wcm90b2NvbF9taW5vcgCmc2VydmVyqnNyLXJ1bnRpbWWuc2VydmVyX3ZlcnNp"
                        + "b26lMC4xLjCsY2FwYWJpbGl0aWVzk6RyZ2I4p2Zsb2F0MzKkbGl2Za1waWN0dXJlX3dpZHRoQK5waWN0dXJlX2hlaWdodDCr"
                        + "c2FtcGxlX3JhdGXNu4CraG9wX3NhbXBsZXPNBkCmYnVuZGxlpXByb2JlqmxhdGVuY3lfbXPLQFTAAAAAAACsbWF4X2ZyYW1l"
                        + "X2h6y0BiwAAAAAAApndpbmRvdwimbm90aWNlr25vIHNvdW5kIGRldmljZQ==",
                    "{\"kind\": \"welcome\", \"session\": 16909060, \"protocol\": 1, \"protocol_minor\": 0, \"server\": \"sr-runti"
                        + "me\", \"server_version\": \"0.1.0\", \"capabilities\": [\"rgb8\", \"float32\", \"live\"], \"picture_width\": 64"
                        + ", \"picture_height\": 48, \"sample_rate\": 48000, \"hop_samples\": 1600, \"bundle\": \"probe\", \"latency_m"
                        + "s\": 83.0, \"max_frame_hz\": 150.0, \"window\": 8, \"notice\": \"no sound device\"}"
                },
            };
        }
    }
}
