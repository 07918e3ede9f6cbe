CREATE TABLE job_file (
  job_id BINARY(16) NOT NULL,
  part INT NOT NULL,
  data MEDIUMBLOB NOT NULL,
  PRIMARY KEY (job_id, part),
  CONSTRAINT job_file_job FOREIGN KEY (job_id) REFERENCES job (job_id) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
