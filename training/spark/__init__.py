"""Training on Apache Spark: `recsvc train --engine spark`, for purchases that outgrow one machine.

Only `settings` may be imported without PySpark (the extra `spark`).
"""
