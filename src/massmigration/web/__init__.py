"""The pages: views parse, call `massmigration.api`, and hand view models to templates."""
