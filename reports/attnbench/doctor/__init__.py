"""Doctor: what `attnbench doctor` measured on its synthetic workload, judged by the statistics that the reports use."""
