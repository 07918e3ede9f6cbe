CREATE TABLE member (
  tenant_id BINARY(16) NOT NULL,
  user_id BINARY(16) NOT NULL,
  role ENUM('viewer','agent','editor','billing','admin','owner') NOT NULL,
  created_at DATETIME(3) NOT NULL,
  PRIMARY KEY (tenant_id, user_id),
  KEY member_user (user_id),
  CONSTRAINT member_tenant FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT member_user FOREIGN KEY (user_id) REFERENCES user (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
