ALTER TABLE engine_cap ADD KEY engine_cap_age (reached_at), ADD KEY engine_cap_period (tenant_id, starts_at);
