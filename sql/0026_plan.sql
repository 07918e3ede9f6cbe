ALTER TABLE plan
  ADD COLUMN plan_terms_id BINARY(16) NULL COMMENT 'what a new customer gets' AFTER position,
  ADD COLUMN public TINYINT NOT NULL DEFAULT 1 COMMENT 'shown on the pricing page and offered' AFTER plan_terms_id,
  ADD COLUMN revision INT NOT NULL DEFAULT 1,
  DROP COLUMN price, DROP COLUMN currency, DROP COLUMN conversations, DROP COLUMN bots;
