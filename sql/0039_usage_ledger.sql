ALTER TABLE usage_ledger ADD COLUMN billable TINYINT NOT NULL DEFAULT 0 AFTER period_start;
