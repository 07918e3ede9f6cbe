ALTER TABLE stripe_event
  ADD KEY stripe_event_state (state, received_at),
  ADD KEY stripe_event_received (received_at);
