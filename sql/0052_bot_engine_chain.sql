CREATE TABLE bot_engine_chain (
  tenant_id BINARY(16) NOT NULL,
  bot_id BINARY(16) NOT NULL,
  place TINYINT NOT NULL COMMENT '0 is asked first',
  engine_id BINARY(16) NOT NULL,
  PRIMARY KEY (tenant_id, bot_id, place),
  UNIQUE KEY bot_engine_once (tenant_id, bot_id, engine_id),
  KEY bot_engine_used (tenant_id, engine_id),
  CONSTRAINT bot_engine_chain_bot FOREIGN KEY (tenant_id, bot_id) REFERENCES bot_engine (tenant_id, bot_id),
  CONSTRAINT bot_engine_chain_engine FOREIGN KEY (tenant_id, engine_id) REFERENCES engine (tenant_id, engine_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
