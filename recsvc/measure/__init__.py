"""Does it pay: control groups and arms, attribution, intervals, return on investment (docs/measure.md)."""
