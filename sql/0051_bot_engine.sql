CREATE TABLE bot_engine (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  prompt TEXT NOT NULL COMMENT 'the system prompt, with variables',
  limits TEXT NOT NULL COMMENT 'JSON: sampling, history, time, masking, caps' CHECK (JSON_VALID(limits)),
  revision INT NOT NULL,
  updated_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, bot_id),
  CONSTRAINT bot_engine_bot FOREIGN KEY (tenant_id, bot_id) REFERENCES bot (tenant_id, bot_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
