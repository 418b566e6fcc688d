"""What work costs: metering, prices, forecasts and budgets, as numbers and guards."""
