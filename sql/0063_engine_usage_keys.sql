ALTER TABLE engine_usage ADD KEY engine_usage_age (scope, starts_at);
