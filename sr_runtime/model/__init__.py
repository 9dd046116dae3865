"""The network, one file per part, in the order data flows through it; the only torch below ``train``."""
