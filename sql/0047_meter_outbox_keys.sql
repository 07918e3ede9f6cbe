ALTER TABLE meter_outbox
  DROP KEY meter_outbox_customer,
  ADD KEY meter_outbox_customer (stripe_customer_id, state, event_at);
