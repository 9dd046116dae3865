"""The research behind the model: one table per file, each row trained, sounded, judged and written down.

    python -m experiments.vision --data STORE --vae checkpoints/mini/vae --out runs/experiments
    python -m experiments.render --out runs/experiments

The first command makes one table's rows and can be interrupted and repeated; the second writes what is there
into ``docs/research.md``.

    table ─► runner ─┬─ stores      an hour of play and the validation clips, linked from the store
                     ├─ training    a network of at most 3 million weights, the same budget for each
                     ├─ listening   sound for the validation clips, three seeds at once, judged
                     └─ results ─► render
"""
