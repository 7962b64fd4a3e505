import { Component, type ReactNode } from "react"
import { Head, Trouble } from "./parts"

/** Keeps a page that breaks from taking the frame with it. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  state = { error: undefined as unknown }

  static getDerivedStateFromError(error: unknown) {
    return { error }
  }

  render() {
    if (this.state.error === undefined) return this.props.children
    return (
      <>
        <Head title="This page broke" />
        <Trouble error={this.state.error} what="It" retry={() => this.setState({ error: undefined })} />
      </>
    )
  }
}
