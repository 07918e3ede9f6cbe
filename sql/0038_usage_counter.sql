ALTER TABLE usage_counter
  ADD COLUMN billable TINYINT NOT NULL DEFAULT 0 COMMENT 'counted under a subscription: goes to the meter' AFTER period_start,
  ADD COLUMN period_end DATETIME(3) NULL AFTER billable,
  ADD COLUMN stripe_subscription_id VARBINARY(255) NULL,
  ADD COLUMN stripe_customer_id VARBINARY(255) NULL,
  ADD COLUMN reported BIGINT NOT NULL DEFAULT 0 COMMENT 'how many of `used` are in meter_outbox',
  ADD COLUMN unsent_since DATETIME(3) NULL COMMENT 'billable: when the first was counted that is in no row of meter_outbox yet',
  ADD COLUMN noticed BIGINT NOT NULL DEFAULT 0 COMMENT '`used` when it was last looked at for notices',
  DROP PRIMARY KEY,
  ADD PRIMARY KEY (tenant_id, period_start, billable),
  ADD KEY usage_counter_unsent (unsent_since),
  ADD KEY usage_counter_end (period_end);
