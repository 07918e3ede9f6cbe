CREATE TABLE usage_ledger (
  tenant_id BINARY(16) NOT NULL,
  conversation_id BINARY(16) NOT NULL COMMENT 'no foreign key: deleting a conversation gives nothing back',
  period_start DATETIME(3) NOT NULL,
  counted_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, conversation_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
