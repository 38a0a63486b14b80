"""What the process tells its operators as it runs: Prometheus metrics, OpenTelemetry traces."""
