using System;

namespace SoundReactor.Audio
{
    /// <summary>
    /// The filter of the resampler: a Kaiser-windowed sinc, tabulated at 512 fractions of a sample and
    /// interpolated in between. Immutable, made on the main thread, used on the audio thread.
    /// </summary>
    public sealed class SincKernel
    {
        private const int BaseTaps = 48;
        private const int MaxTaps = 192;
        private const int Phases = 512; // linear interpolation then errs by −106 dB
        private const double KaiserBeta = 9.0; // stop band at −90 dB
        private readonly float[] _table;

        /// <summary>Make the filter for a conversion.</summary>
        public SincKernel(int inputHz, int outputHz)
        {
            if (inputHz < 1000 || outputHz < 1000)
            {
                throw new ArgumentOutOfRangeException(
                    "outputHz", "rates of at least 1000 Hz expected, got " + inputHz + " and " + outputHz);
            }
            InputHz = inputHz;
            OutputHz = outputHz;
            double narrowing = Math.Min(1.0, (double)outputHz / inputHz);
            int taps = (int)Math.Ceiling(BaseTaps / narrowing / 2) * 2;
            Taps = Math.Min(taps, MaxTaps);
            // Below the output's own limit when the rate goes down, so that the slope of the filter is not folded back.
            double cutoff = narrowing < 1.0 ? 0.92 * narrowing : 1.0;
            _table = Tabulate(cutoff);
        }

        /// <summary>Samples per second that go in.</summary>
        public int InputHz { get; private set; }
        /// <summary>Samples per second that come out.</summary>
        public int OutputHz { get; private set; }
        /// <summary>Input samples that one output sample is made of.</summary>
        public int Taps { get; private set; }
        /// <summary>Input samples per output sample.</summary>
        public double Ratio { get { return (double)InputHz / OutputHz; } }

        /// <summary>
        /// Make one stereo sample between the frames <c>at + Taps/2 − 1</c> and the next of
        /// <paramref name="interleaved"/>, <paramref name="fraction"/> of the way.
        /// </summary>
        public void Apply(float[] interleaved, int at, double fraction, out float left, out float right)
        {
            double place = fraction * Phases;
            int phase = (int)place;
            float weight = (float)(place - phase);
            int a = phase * Taps;
            int b = a + Taps;
            float l = 0f, r = 0f;
            for (int i = 0, from = 2 * at; i < Taps; i++, from += 2)
            {
                float tap = _table[a + i] + weight * (_table[b + i] - _table[a + i]);
                l += tap * interleaved[from];
                r += tap * interleaved[from + 1];
            }
            left = l;
            right = r;
        }

        private float[] Tabulate(double cutoff)
        {
            float[] table = new float[(Phases + 1) * Taps];
            double[] row = new double[Taps];
            double norm = BesselI0(KaiserBeta);
            for (int phase = 0; phase <= Phases; phase++)
            {
                double sum = 0;
                for (int i = 0; i < Taps; i++)
                {
                    double x = i - (Taps / 2 - 1) - (double)phase / Phases;
                    double edge = 2 * x / Taps;
                    double window = Math.Abs(edge) >= 1 ? 0 : BesselI0(KaiserBeta * Math.Sqrt(1 - edge * edge)) / norm;
                    row[i] = window * (x == 0 ? cutoff : Math.Sin(Math.PI * cutoff * x) / (Math.PI * x));
                    sum += row[i];
                }
                for (int i = 0; i < Taps; i++)
                {
                    table[phase * Taps + i] = (float)(row[i] / sum); // the same loudness at every fraction
                }
            }
            return table;
        }

        private static double BesselI0(double x)
        {
            double sum = 1, term = 1;
            for (int k = 1; term > 1e-12 * sum; k++)
            {
                term *= x / (2 * k) * (x / (2 * k));
                sum += term;
            }
            return sum;
        }
    }
}
