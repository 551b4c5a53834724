"""How well customers are understood: measures, pictures, a report, and a guard against getting worse."""
