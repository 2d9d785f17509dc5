"""Rules of derivatives, written once for both modes, for compiled and for plain code."""
