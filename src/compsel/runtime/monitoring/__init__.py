"""What a runtime counts: answers, failures, latencies; read by `Runtime.stats` and by `compsel.telemetry`."""
