ALTER TABLE bot
  ADD COLUMN brand_name VARCHAR(80) NOT NULL DEFAULT '' COMMENT 'stands at the foot of the chat where the plan has white_label; empty: nothing stands there',
  ADD COLUMN brand_link VARCHAR(500) NOT NULL DEFAULT '' COMMENT 'http or https, or empty';
