CREATE TABLE stripe_lease (
  name VARBINARY(300) NOT NULL COMMENT 'sub_1, tenant:7, meter:cus_1 ... what one holder at a time may change',
  holder BINARY(16) NOT NULL,
  until DATETIME(3) NOT NULL,
  touched BIGINT NOT NULL DEFAULT 1 COMMENT 'grows at each write, so that each write changes the row',
  PRIMARY KEY (name),
  KEY stripe_lease_until (until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
